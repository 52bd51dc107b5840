import { existsSync } from 'node:fs'
import vue from '@vitejs/plugin-vue'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig } from 'vitest/config'
import { findChromium } from './e2e/support/find-chromium.ts'

const e2eSetup = 'e2e/support/global-setup.ts'

export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      { test: { name: 'boundaries', include: ['.ci/**/*.test.ts'] } },
      { test: { name: 'shared', include: ['shared/src/**/*.test.ts'] } },
      {
        test: {
          name: 'server',
          include: ['server/src/**/*.test.ts', 'server/test/**/*.test.ts'],
          globalSetup: ['server/test/database/global-setup.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: { name: 'packages', include: ['packages/*/src/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000 },
      },
      { test: { name: 'web', include: ['web/src/**/*.test.ts'], exclude: ['web/src/**/*.component.test.ts'] } },
      {
        root: 'web',
        plugins: [vue()],
        // Vite would otherwise find these during the run, and load the page of the tests anew.
        optimizeDeps: {
          include: ['vue', 'vue-router', 'pinia', '@pinia/colada', '@vueuse/core', 'vitest-browser-vue'],
        },
        test: {
          name: 'components',
          include: ['src/**/*.component.test.ts'],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: findChromium() ?? undefined, args: ['--no-sandbox', '--disable-quic'] },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          globalSetup: existsSync(e2eSetup) ? [e2eSetup] : [],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
