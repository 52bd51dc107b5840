/**
 * The tracker's public face: what another CRM embeds, and what our own app uses. `app.use(createTracker({ … }))`, then
 * `<RollcallTray />` and `useTracker()`. It brings plain CSS with `rc-` classes; its colours are the `--rc-*` variables.
 */
import './tracker.css'

export { default as RollcallTray } from './RollcallTray.vue'
export { default as SessionProgress } from './SessionProgress.vue'
export { default as StatusBadge } from './StatusBadge.vue'
export { accountsDone, mailsDone } from './percent.ts'
export { isNewer } from './sessions.ts'
export { createTracker, useTracker, type Tracker, type TrackerOptions } from './tracker.ts'
export type { TrackerApi } from './api.ts'
export type { TrackerHost } from './host.ts'
