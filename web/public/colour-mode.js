// Runs before the first paint, so that a dark page never flashes white. A file of its own: the page allows no inline scripts.
;(function () {
  var kept = null
  try {
    kept = localStorage.getItem('rollcall.colour-mode')
  } catch {
    // Storage may be switched off; the system's preference is enough then.
  }
  var dark = kept === 'dark' || (kept !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.classList.add(dark ? 'dark' : 'light')
})()
