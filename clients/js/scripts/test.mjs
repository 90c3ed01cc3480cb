// Builds the unit tests, since Node reads no TypeScript, and runs them.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const here = new URL('..', import.meta.url).pathname
process.chdir(here)
rmSync('build/test', { recursive: true, force: true })
const named = process.argv.slice(2)
const entryPoints = readdirSync('test').filter((name) => /\.test\.tsx?$/.test(name) && (!named.length || named.some((part) => name.includes(part))))
await build({
  entryPoints: entryPoints.map((name) => `test/${name}`),
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outdir: 'build/test',
  outExtension: { '.js': '.mjs' },
  jsx: 'automatic',
  sourcemap: 'inline',
})
const files = readdirSync('build/test').map((name) => `build/test/${name}`)
const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', '--test-reporter=spec', ...files], { stdio: 'inherit' })
process.exit(status ?? 1)
