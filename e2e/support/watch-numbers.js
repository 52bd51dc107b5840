/*
 * This script runs in every page before the page's own scripts. It reports to the test what the screen shows of each session,
 * each time that this changes, by calling the function `rollcallShows`, which the test provides.
 */
{
  const told = new WeakMap()

  const textOf = (element) => element?.textContent?.trim() ?? null

  const ofCard = (card) => {
    const bar = (name) => card.querySelector(`[role="progressbar"][aria-label="${name}"]`)
    const read = (name) =>
      bar(name) && { words: bar(name).getAttribute('aria-valuetext'), percent: Number(bar(name).ariaValueNow) }
    return {
      kind: card.closest('section[aria-label="Activation progress"]') ? 'tracker' : 'page',
      sessionId: card.dataset.sessionId,
      version: card.dataset.version === undefined ? null : Number(card.dataset.version),
      state: card.dataset.freshness,
      accounts: read('Accounts'),
      mails: read('Mails'),
    }
  }

  const ofRow = (row) => {
    const [accounts, mails] = [...row.cells].filter((cell) => /^[\d,]+ of [\d,]+$/.test(textOf(cell)))
    const read = (cell) => cell && { words: textOf(cell), percent: null }
    return {
      kind: 'row',
      sessionId: row.dataset.sessionId,
      version: null,
      state: null,
      accounts: read(accounts) ?? null,
      mails: read(mails) ?? null,
    }
  }

  const tell = (element, sample) => {
    const text = JSON.stringify(sample)
    if (told.get(element) === text) return
    told.set(element, text)
    window.rollcallShows({ ...sample, document: performance.timeOrigin })
  }

  const look = () => {
    for (const card of document.querySelectorAll('article[data-session-id]')) tell(card, ofCard(card))
    for (const row of document.querySelectorAll('tr[data-session-id]')) tell(row, ofRow(row))
  }

  new MutationObserver(look).observe(document, {
    subtree: true,
    childList: true,
    characterData: true,
    attributes: true,
  })
}
