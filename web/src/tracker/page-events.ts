interface PageEventHandlers {
  /** The page shows again, or the network is back: what seemed connected may be long gone. */
  returned(): void
  /** The page may be gone any moment. */
  leaving(): void
  /** Another tab wrote to the browser's storage. */
  storageChanged(key: string | null, value: string | null): void
}

/** Reports what happens to the page as a whole; nothing where there is no page, as in a test without a browser. */
export function onPageEvents(handlers: PageEventHandlers): void {
  if (typeof window === 'undefined') return
  window.addEventListener('online', () => handlers.returned())
  window.addEventListener('pageshow', () => handlers.returned())
  window.addEventListener('pagehide', () => handlers.leaving())
  window.addEventListener('storage', ({ key, newValue }) => handlers.storageChanged(key, newValue))
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') handlers.returned()
    else handlers.leaving()
  })
}

/** The browser's storage; null where it is missing or switched off. */
export function browserStorage(): Storage | null {
  try {
    return window.localStorage
  } catch {
    return null
  }
}
