import './main.css'
import ui from '@nuxt/ui/vue-plugin'
import { PiniaColada } from '@pinia/colada'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import { onSignedOut } from '../api/http.ts'
import { useStaffStore } from '../staff/staff.store.ts'
import { useNotices } from '../ui/useNotices.ts'
import { chooseLanguage } from '../words/index.ts'
import App from './App.vue'
import { createAppRouter } from './router.ts'
import { createAppTracker } from './tracker.ts'

await chooseLanguage(navigator.languages)

const router = createAppRouter()
const app = createApp(App).use(createPinia()).use(PiniaColada).use(router).use(ui)
app.use(createAppTracker(router, app.runWithContext(useNotices)))

onSignedOut(() => {
  const { meta, fullPath } = router.currentRoute.value
  const staff = useStaffStore()
  if (staff.leaving || !staff.me) return
  staff.forget()
  if (meta.role !== 'anybody') void router.push({ path: '/sign-in', query: { next: fullPath } })
})

app.mount('#app')
