/** What the app around the tracker decides. */
export interface TrackerHost {
  /** The address of a session's page; null where sessions have none. */
  sessionHref(sessionId: string): string | null
  /** Opens an address without loading the page anew. Where it is missing, links load the page. */
  navigate?(href: string): void
  /** Whether this person may pause, resume and cancel sessions. */
  canSteer(): boolean
  /** Tells the person what failed. Where it is missing, the session's card does. */
  notify?(title: string, error: unknown): void
}
