// Builds the unit tests, since Node reads no TypeScript, and runs them.
import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { build } from 'esbuild'

const here = new URL('..', import.meta.url).pathname
process.chdir(here)
rmSync('build/test', { recursive: true, force: true })
const named = process.argv.slice(2)
const entryPoints = readdirSync('test').filter((name) => /\.test\.tsx?$/.test(name) && (!named.length || named.some((part) => name.includes(part))))
// The Expo example runs on what stands in for a phone.
const doubles = { 'react-native': 'react-native', 'expo-web-browser': 'expo-web-browser', '@react-native-async-storage/async-storage': 'async-storage' }
const alias = { '@souk/client': './src/client.ts', '@souk/client/react-native': './src/react-native.ts', '@souk/client/react': './src/react.ts' }
for (const [name, file] of Object.entries(doubles)) alias[name] = `./test/doubles/${file}.ts`
await build({
  absWorkingDir: here,
  alias,
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
