import { defineStore } from 'pinia'
import { useTracker } from '../tracker/index.ts'

/** The tracker as a store of our own app: the same refs and calls, unwrapped for templates and visible in the devtools. */
export const useTrackerStore = defineStore('tracker', () => {
  const tracker = useTracker()
  const { tracked, running, now, transport } = tracker
  return {
    tracked,
    running,
    now,
    transport,
    progressOf: (sessionId: string) => tracker.session(sessionId)?.progress,
    apply: tracker.apply.bind(tracker),
    start: tracker.start.bind(tracker),
    stop: tracker.stop.bind(tracker),
    follow: tracker.follow.bind(tracker),
    learnOptions: tracker.options.set.bind(tracker.options),
  }
})
