import { readConfig } from './config.ts'
import { runUntilSignal } from './process.ts'
import { start } from './start.ts'

await runUntilSignal(() => start(readConfig(process.env)))
