import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'

/** A text that no file may contain, and what to write instead. */
interface ForbiddenWord {
  pattern: RegExp
  instead: string
  /** The paths in which the text is looked for; all paths where this is left out. */
  within?: RegExp
  /** The paths in which the text is allowed. */
  except?: RegExp
}

export interface Finding {
  path: string
  /** The line, counted from 1; 0 where the word is in the path. */
  line: number
  word: string
  instead: string
}

/**
 * Makes a pattern that finds a word and its plural wherever they are a whole part of a text or of an identifier: `ledger` is found in "the
 * ledger", `mailLedger`, `LedgerRow` and `mail-ledgers`, and not in another word that has the same letters.
 */
function wordOf(word: string): RegExp {
  const capital = word.charAt(0).toUpperCase() + word.slice(1)
  return new RegExp(`(?:(?<![A-Za-z])(?:${word}|${capital})|(?<=[a-z0-9])${capital})s?(?![a-z])`)
}

const retired = (word: string, instead: string, within?: RegExp): ForbiddenWord => ({
  pattern: wordOf(word),
  instead,
  within,
})

const server = /^server\//
const activation = /^server\/(?:src\/activation|test)\//

/** Words that this project once used for what has a common name; docs/glossary.md has the words that stayed. */
const retiredWords: ForbiddenWord[] = [
  retired('ActivationParts', 'ActivationDeps'),
  retired('alarm', 'deadline timer', server),
  retired('announce', 'pipelining', server),
  retired('announced', 'pipelined', server),
  retired('announcement', 'pipelined envelope', server),
  retired('announcing', 'pipelining', server),
  retired('border', 'request checks', /^server\/(?:src\/http|test)\//),
  retired('carrier', 'transport', server),
  retired('checkCounters', 'counter audit'),
  retired('checkWhenDue', 'counter audit'),
  retired('doorbell', 'notification'),
  retired('doors', 'route authorization', server),
  retired('gap', 'missed notifications', /^server\/src\/realtime\//),
  retired('goOn', 'takeover, continue'),
  retired('goRound', 'periodicTask'),
  retired('hear', 'connected, message', /^web\/src\/(?:live|tracker)\//),
  retired('heard', 'message', /^web\/src\/(?:live|tracker)\//),
  retired('heldBy', 'pendingOf'),
  retired('HeldChunk', 'ChunkClaim'),
  retired('hurry', 'short delays', server),
  retired('judge', 'declare dead, compare', /^server\/(?:src\/(?:jobs|activation)|test)\//),
  retired('judged', 'decided, compared', /^server\/(?:src\/(?:jobs|activation)|test)\//),
  retired('keyed pool', 'worker pool'),
  retired('keyedPool', 'workerPool'),
  retired('knowledge', 'freshness', /^web\//),
  retired('ledger', 'outbox'),
  retired('lever', 'session command'),
  retired('mail-turn', 'chunk run'),
  retired('mayJudge', 'canDeclareDead'),
  retired('mend', 'reconcile', activation),
  retired('mended', 'reconciled', server),
  retired('mood', 'mail server mode'),
  retired('moves', 'transitions', /^server\/test\//),
  retired('nearby', 'scan in order', server),
  retired('openings', 'connection rate limit', server),
  retired('pace', 'rate limiter', /^server\/src\//),
  retired('paced', 'rate-limited', server),
  retired('pacing', 'rate limiting', server),
  retired('pullLever', 'runCommand'),
  retired('rang', 'published', server),
  retired('readings', 'coalesced reads', server),
  retired('ring', 'publish, notification', /^server\/src\//),
  retired('rounds', 'periodic task', /^server\/src\//),
  retired('rung', 'published', server),
  retired('server holds', 'mail server breaker'),
  retired('server-holds', 'breaker'),
  retired('serverHolds', 'breaker'),
  retired('story', 'scenario'),
  retired('stranded', 'orphaned, without a job'),
  retired('trial', 'delivery attempt', activation),
  retired('turn', 'chunk run', activation),
  retired('untold', 'not reported', server),
  retired('visit', 'attach', /^(?:server\/src\/db|packages)\//),
  retired('watched', 'observed, measured', activation),
  retired('withdraw', 'drain', server),
  retired('withdrawal', 'graceful shutdown', server),
  retired('withdrawn', 'draining', server),
  retired('WorkerParts', 'WorkerContext'),
  retired('world', 'simulation'),
]

const outsideVendor = {
  within: /^server\/src\//,
  except: /^server\/src\/vendor\/|\.(?:test\.ts|sql\.snap)$/,
}

/** Fields that libraries do not document. Only server/src/vendor may use them, where a contract test fails when they change. */
const privateFields: ForbiddenWord[] = [
  {
    pattern: /\._socket\b|\b_socket\b/,
    instead: 'a function of server/src/vendor (nodemailer and ws)',
    ...outsideVendor,
  },
  { pattern: /\bSender\.frame\b/, instead: 'a function of server/src/vendor (ws)', ...outsideVendor },
  { pattern: /\bjobs\.job\b|jobSchema\}\./, instead: 'a function of server/src/vendor (pg-boss)', ...outsideVendor },
  { pattern: /__Secure-|\.session_token/, instead: 'a function of server/src/vendor (better-auth)', ...outsideVendor },
]

export const forbiddenWords = [...retiredWords, ...privateFields]

/** The files that are not searched: those that tell history as it was, and those that list the words. */
const untouched =
  /^server\/migrations\/|^docs\/decisions\/00(?:0\d|1[0-5])-|^CHANGELOG\.md$|^\.ci\/(?:forbidden-words|boundaries\.test)\.ts$/

/** A link to a decision record. It is not searched, because the records keep their names. */
const linkToDecision = /decisions\/[\w-]+\.md/g

/** Finds the forbidden words in these files and in their paths. */
export function findForbiddenWords(files: readonly { path: string; text: string }[]): Finding[] {
  return files.filter((file) => !untouched.test(file.path)).flatMap((file) => [...findIn(file)])
}

function* findIn(file: { path: string; text: string }): Generator<Finding> {
  const words = forbiddenWords.filter(
    ({ within, except }) => (within?.test(file.path) ?? true) && !(except?.test(file.path) ?? false),
  )
  for (const [line, text] of [file.path, ...file.text.split('\n')].entries()) {
    for (const { pattern, instead } of words) {
      const word = pattern.exec(text.replace(linkToDecision, ''))?.[0]
      if (word !== undefined) yield { path: file.path, line, word, instead }
    }
  }
}

const isText = /\.(?:ts|vue|mjs|js|css|html|md|json|ya?ml|conf|sql|snap)$|(?:^|\/)(?:Dockerfile|\.env\.example|run)$/

function readTree(root: string): { path: string; text: string }[] {
  const names = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  return names
    .split('\0')
    .filter((name) => isText.test(name) && !name.endsWith('package-lock.json'))
    .flatMap((name) => {
      try {
        return [{ path: name, text: readFileSync(path.join(root, name), 'utf8') }]
      } catch {
        // Git still lists a file that was removed and not committed yet.
        return []
      }
    })
}

if (import.meta.main) {
  const findings = findForbiddenWords(readTree(path.join(import.meta.dirname, '..')))
  for (const { path: file, line, word, instead } of findings)
    console.error(
      line === 0 ? `${file}: its name has "${word}"; use ${instead}` : `${file}:${line}: "${word}"; use ${instead}`,
    )
  process.exitCode = findings.length === 0 ? 0 : 1
}
