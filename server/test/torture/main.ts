import { parseArgs } from 'node:util'
import { torture } from './torture.ts'

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    leads: { type: 'string', default: '2000' },
  },
})
const say = (line: string) => process.stdout.write(`${line}\n`)
const report = await torture({
  minutes: Number(values.minutes),
  seed: Number(values.seed),
  leads: Number(values.leads),
  say,
})
const { broken, ...numbers } = report
say(JSON.stringify(numbers, null, 2))
for (const invariant of broken) say(`BROKEN: ${invariant}`)
say(
  broken.length === 0
    ? 'every invariant held'
    : `again with: npm run torture -- --minutes ${values.minutes} --seed ${values.seed}`,
)
process.exit(broken.length === 0 ? 0 : 1)
