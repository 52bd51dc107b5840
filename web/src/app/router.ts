import type { Role } from '@rollcall/shared/roles'
import { createRouter, createWebHistory, type Router } from 'vue-router'
import { useStaffStore } from '../staff/staff.store.ts'
import type { Words } from '../words/index.ts'

declare module 'vue-router' {
  interface RouteMeta {
    /** Which page it is; `words.pages` has its name. */
    page: keyof Words['pages']
    /** The least role that may see it. `anybody`: also people who are not signed in, without the frame of the app. */
    role: Role | 'anybody'
  }
}

export function createAppRouter(): Router {
  const router = createRouter({
    history: createWebHistory(),
    scrollBehavior: (_to, _from, saved) => saved ?? { top: 0 },
    routes: [
      { path: '/', redirect: '/leads' },
      {
        path: '/sign-in',
        component: () => import('../staff/SignInPage.vue'),
        meta: { page: 'signIn', role: 'anybody' },
      },
      {
        path: '/leads',
        component: () => import('../leads/LeadsPage.vue'),
        meta: { page: 'leads', role: 'support' },
      },
      {
        path: '/leads/:id',
        component: () => import('../leads/LeadPage.vue'),
        meta: { page: 'lead', role: 'support' },
        props: true,
      },
      {
        path: '/sessions',
        component: () => import('../sessions/SessionsPage.vue'),
        meta: { page: 'sessions', role: 'support' },
      },
      {
        path: '/sessions/:sessionId',
        component: () => import('../sessions/SessionPage.vue'),
        meta: { page: 'session', role: 'support' },
        props: true,
      },
      {
        path: '/mailbox',
        component: () => import('../mailbox/MailboxPage.vue'),
        meta: { page: 'mailbox', role: 'admin' },
      },
      {
        path: '/settings',
        component: () => import('../settings/SettingsPage.vue'),
        meta: { page: 'settings', role: 'admin' },
      },
      {
        path: '/:rest(.*)*',
        component: () => import('./NotFoundPage.vue'),
        meta: { page: 'notFound', role: 'support' },
      },
    ],
  })

  router.beforeEach(async (to) => {
    if (to.meta.role === 'anybody') return true
    const staff = useStaffStore()
    await staff.load()
    // AppFrame tells those who are signed in, but not allowed to see this page, and those of whom nothing could be learned.
    if (staff.me || staff.failure) return true
    return { path: '/sign-in', query: to.fullPath === '/leads' ? {} : { next: to.fullPath } }
  })
  router.onError((_error, to) => leaveOldPage(to.fullPath))
  return router
}

const youngPageMilliseconds = 10_000

/**
 * A page that was opened before an update asks for parts that are gone; loading it anew finds the new ones. A page that
 * has only just been loaded is left alone, so that a part that is truly missing cannot make it load for ever.
 */
function leaveOldPage(path: string): void {
  if (performance.now() > youngPageMilliseconds) location.assign(path)
}
