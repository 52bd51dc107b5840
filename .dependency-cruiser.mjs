/**
 * The boundaries of the source tree: which file may import which. `npm run lint` fails where one is broken, also by an
 * `import type`. docs/architecture.md has the picture; .ci/boundaries.test.ts breaks each once.
 */

/** Files that may import anything, because nothing imports them: tests, and scripts that run as a process of their own. */
const free = String.raw`\.(test|process|command)\.ts$|^server/src/demo/`
const layer = (...suffixes) => String.raw`\.(${suffixes.join('|')})\.ts$`

/** The features of the server. A feature is a folder, a layer is a suffix. */
const feature = '^server/src/(accounts|activation|jobs|leads|mail|realtime|settings|staff)/'

/** The floors of server/src/activation, from the ground up (decision 15): a folder imports only from floors below its own. */
const floors = [
  ['session'],
  ['starting'],
  ['chunks'],
  ['breaker'],
  ['accounts', 'commands'],
  ['holds', 'history'],
  ['delivery'],
  ['maintenance'],
  ['routes'],
]

const folderOf = (names) => `^server/src/activation/(${names.join('|')})/`

/** A folder imports neither from its neighbours on the same floor, nor from a floor above, nor from a file that has no floor. */
const floorRules = floors.slice(0, -1).flatMap((names, index) =>
  names.map((name) => ({
    name: `activation-floor-${name}`,
    comment: `activation/${name} imports only from the floors below it (decision 15).`,
    severity: 'error',
    from: { path: folderOf([name]), pathNot: free },
    to: {
      path: folderOf(
        floors
          .slice(index)
          .flat()
          .filter((other) => other !== name),
      ),
    },
  })),
)

const libraries = '(^|/)node_modules/'

const forbidden = [
  {
    name: 'no-circle',
    comment: 'Files that import each other, types included, can only be understood together.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-import-of-tests',
    comment: 'What runs in production imports neither a test nor a helper of tests.',
    severity: 'error',
    from: { path: '^(server|shared|web|packages/[^/]+)/src/', pathNot: free },
    to: { path: [String.raw`\.test\.ts$`, '^(server|packages/[^/]+)/test/', '^e2e/', '^bench/'] },
  },
  {
    name: 'server-knows-no-web',
    comment: 'web → shared ← server: the two sides meet in the contract.',
    severity: 'error',
    from: { path: '^server/' },
    to: { path: '^web/' },
  },
  {
    name: 'web-knows-no-server',
    comment: 'web → shared ← server: the two sides meet in the contract.',
    severity: 'error',
    from: { path: '^web/' },
    to: { path: ['^server/', '^packages/'] },
  },
  {
    name: 'browser-without-node',
    comment: 'What the browser gets, the contract included, runs without Node.',
    severity: 'error',
    from: { path: '^(web|shared)/src/', pathNot: free },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'browser-without-schemas',
    comment:
      'TypeBox stays out of the browser: of schemas, and of the index that gives them, the web app imports types.',
    severity: 'error',
    from: { path: '^web/src/' },
    to: { path: String.raw`^shared/src/(index|.*\.schema)\.ts$`, dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'shared-knows-neither-side',
    comment: 'The contract imports nothing of the project.',
    severity: 'error',
    from: { path: '^shared/' },
    to: { path: '^(server|web|packages|bench|e2e)/' },
  },
  {
    name: 'packages-know-no-project',
    comment: 'A package under packages/ can be taken elsewhere: it imports only itself and libraries.',
    severity: 'error',
    from: { path: '^packages/([^/]+)/' },
    to: { path: '^(server|web|shared|bench|e2e|packages)/', pathNot: '^packages/$1/' },
  },
  {
    name: 'packages-by-their-index',
    comment: 'A package is used by its name, which gives its index.ts, and not by the files behind that.',
    severity: 'error',
    from: { path: '^(server|bench|e2e)/' },
    to: { path: '^packages/', pathNot: '^packages/[^/]+/src/index\\.ts$' },
  },
  {
    name: 'util-at-the-bottom',
    comment: 'util imports nothing of the server.',
    severity: 'error',
    from: { path: '^server/src/util/', pathNot: free },
    to: { path: '^server/src/', pathNot: '^server/src/util/' },
  },
  {
    name: 'vendor-at-the-bottom',
    comment: 'vendor wraps what a library does not document, and knows nothing of the server but util.',
    severity: 'error',
    from: { path: '^server/src/vendor/', pathNot: free },
    to: { path: '^server/src/', pathNot: '^server/src/(vendor|util)/' },
  },
  {
    name: 'db-above-util',
    comment: 'db imports util and errors.ts, and nothing else of the server.',
    severity: 'error',
    from: { path: '^server/src/db/', pathNot: free },
    to: { path: '^server/src/', pathNot: String.raw`^server/src/(db|util)/|^server/src/errors\.ts$` },
  },
  {
    name: 'http-knows-no-feature',
    comment: 'http is what every route is served by: it imports db, util, vendor and errors.ts, and no feature.',
    severity: 'error',
    from: { path: '^server/src/http/', pathNot: free },
    to: { path: '^server/src/', pathNot: String.raw`^server/src/(http|db|util|vendor)/|^server/src/errors\.ts$` },
  },
  {
    name: 'top-is-imported-by-nobody',
    comment: 'main → start → app | worker: what wires everything is imported only by its likes.',
    severity: 'error',
    from: { path: '^server/src/[^/]+/', pathNot: free },
    to: { path: String.raw`^server/src/(main|process|start|banner|app|worker|migrate-database)\.ts$` },
  },
  {
    name: 'layer-tables',
    comment: 'routes | jobs → usecases → queries → tables: tables import no layer above.',
    severity: 'error',
    from: { path: layer('table') },
    to: { path: layer('queries', 'usecases', 'routes', 'job') },
  },
  {
    name: 'layer-queries',
    comment: 'routes | jobs → usecases → queries → tables: queries import no layer above.',
    severity: 'error',
    from: { path: layer('queries') },
    to: { path: layer('usecases', 'routes', 'job') },
  },
  {
    name: 'layer-usecases',
    comment: 'routes | jobs → usecases → queries → tables: use cases import no layer above, and no HTTP.',
    severity: 'error',
    from: { path: layer('usecases') },
    to: { path: [layer('routes', 'job'), '^server/src/http/', `${libraries}(@fastify/|fastify/)`] },
  },
  {
    name: 'layer-routes',
    comment:
      'routes | jobs → usecases → queries → tables: routes ask use cases, never queries or tables, and start no job.',
    severity: 'error',
    from: { path: layer('routes') },
    to: { path: layer('queries', 'table', 'job') },
  },
  {
    name: 'layer-jobs',
    comment:
      'routes | jobs → usecases → queries → tables: a job is no route. It decides like a use case, so it may use queries.',
    severity: 'error',
    from: { path: layer('job') },
    to: { path: layer('routes') },
  },
  {
    name: 'features-by-their-usecases',
    comment: "A feature uses another feature's use cases, never its queries, routes or jobs.",
    severity: 'error',
    from: { path: feature, pathNot: free },
    to: { path: `${feature}.*${layer('queries', 'routes', 'job')}`, pathNot: '^server/src/$1/' },
  },
  ...floorRules,
  {
    name: 'web-tracker-alone',
    comment: 'Another CRM can embed the tracker: it imports only live, words, Vue and the contract.',
    severity: 'error',
    from: { path: '^web/src/tracker/', pathNot: free },
    to: { pathNot: ['^web/src/(tracker|live|words)/', '^shared/', `${libraries}(vue|@vue)/`] },
  },
  {
    name: 'web-activate-alone',
    comment: "The invited person's page is small: it imports only api, words, Vue and the contract.",
    severity: 'error',
    from: { path: '^web/src/activate/', pathNot: free },
    to: { pathNot: ['^web/src/(activate|api|words)/', '^shared/', `${libraries}(vue|@vue)/`] },
  },
  {
    name: 'web-ui-without-domain',
    comment: 'ui knows no feature: it imports only itself, words and libraries.',
    severity: 'error',
    from: { path: '^web/src/ui/', pathNot: free },
    to: { path: '^web/src/', pathNot: '^web/src/(ui|words)/' },
  },
]

export default {
  forbidden,
  options: {
    doNotFollow: { path: 'node_modules' },
    // Imports of types count as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
}
