import { createApp } from 'vue'
import './activate.css'
import ActivatePage from './ActivatePage.vue'
import { tokenOf } from './token.ts'

createApp(ActivatePage, { token: tokenOf(location.pathname) }).mount('#app')
