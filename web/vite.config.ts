import ui from '@nuxt/ui/vite'
import vue from '@vitejs/plugin-vue'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const server = process.env['ROLLCALL_URL'] ?? 'http://localhost:3000'
/** The server checks the Origin exactly, so the development proxy speaks in the server's own name. */
const toServer = { target: server, ws: true, headers: { origin: server } }

const root = fileURLToPath(new URL('.', import.meta.url))

/** Serves the invited person's page at its links during development, as the server does for the built one. */
const activationPage: Plugin = {
  name: 'activation-page',
  configureServer({ middlewares }) {
    middlewares.use((request, _response, next) => {
      if (request.url?.startsWith('/activate/')) request.url = '/activate.html'
      next()
    })
  },
}

export default defineConfig({
  root,
  plugins: [
    vue(),
    activationPage,
    ui({
      // Components are imported by name, so types and the linter see them without generated files.
      components: false,
      autoImport: false,
      // Colour mode is public/colour-mode.js and ui/ColourModeButton.vue.
      colorMode: false,
      // Icons are drawn from the installed collection at build time: no call to another host.
      icon: { clientBundle: { scan: { globInclude: ['src/**/*.{vue,ts}'] } } },
      ui: { colors: { primary: 'teal', neutral: 'slate' } },
    }),
  ],
  build: {
    target: 'es2022',
    chunkSizeWarningLimit: 800,
    manifest: true,
    rolldownOptions: { input: [`${root}index.html`, `${root}activate.html`] },
  },
  server: {
    proxy: {
      '/api': toServer,
      '/crm': toServer,
      '/staff': toServer,
      '/activation': toServer,
      '/mailbox/messages': toServer,
      // A call for programs, a page for browsers.
      '/settings': {
        ...toServer,
        bypass: ({ headers }) => (headers.accept?.includes('text/html') ? '/index.html' : undefined),
      },
    },
  },
})
