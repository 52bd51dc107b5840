import { createRouter, createWebHistory, type Router } from 'vue-router'
import { useStaffStore } from '../staff/staff.store.ts'

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    /** Open to people who are not signed in, without the frame of the app. */
    public?: boolean
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
        meta: { title: 'Sign in', public: true },
      },
      { path: '/leads', component: () => import('../leads/LeadsPage.vue'), meta: { title: 'Leads' } },
      { path: '/leads/:id', component: () => import('../leads/LeadPage.vue'), meta: { title: 'Lead' }, props: true },
      { path: '/sessions', component: () => import('../sessions/SessionsPage.vue'), meta: { title: 'Sessions' } },
      {
        path: '/sessions/:sessionId',
        component: () => import('../sessions/SessionPage.vue'),
        meta: { title: 'Session' },
        props: true,
      },
      { path: '/mailbox', component: () => import('../mailbox/MailboxPage.vue'), meta: { title: 'Mailbox' } },
      { path: '/settings', component: () => import('../settings/SettingsPage.vue'), meta: { title: 'Settings' } },
      { path: '/:rest(.*)*', component: () => import('./NotFoundPage.vue'), meta: { title: 'Not found' } },
    ],
  })

  router.beforeEach(async (to) => {
    if (to.meta.public) return true
    const staff = useStaffStore()
    await staff.load()
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
