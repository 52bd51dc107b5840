# One image for every process of Rollcall; MODE says what it does.

FROM node:24-trixie-slim AS web
WORKDIR /app
COPY package.json package-lock.json .npmrc tsconfig.base.json ./
COPY shared/package.json shared/
COPY server/package.json server/
COPY web/package.json web/
COPY packages/embedded-postgres/package.json packages/embedded-postgres/
RUN npm ci --omit=dev
COPY shared shared
COPY web web
RUN npm run build

# Without what only the web app and its building need, and without the embedded PostgreSQL, which is optional.
FROM node:24-trixie-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY shared/package.json shared/
COPY server/package.json server/
COPY web/package.json web/
COPY packages/embedded-postgres/package.json packages/embedded-postgres/
RUN npm ci --omit=dev --omit=optional --workspace=shared --workspace=server

FROM node:24-trixie-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 DATA_DIR=/var/lib/rollcall
# Uploads lie there while they come in.
RUN install -d -o node -g node /var/lib/rollcall
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY package.json ./
COPY shared shared
COPY packages packages
COPY server server
# Built, and without its sources, so that no process builds it.
COPY --from=web /app/web/dist web/dist
USER node
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The same options as in `npm start`; docs/decisions/0016 says why.
CMD ["node", "--max-semi-space-size=16", "server/src/main.ts"]
