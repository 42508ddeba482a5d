// Shares one torrent with WebTorrent in a headless Chromium until SIGINT.
//
// Usage: node browser.mjs TORRENT FOLDER STATE ROOT
//
// The file is expected in FOLDER. A complete one is seeded, otherwise it is downloaded and then seeded. STATE is the
// folder of the browser's profile, and ROOT the only root certificate that it trusts in addition to its own.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

const [torrent, folder, state, root] = process.argv.slice(2)
const file = `${folder}/payload.bin`
const ours = path => new URL(path, import.meta.url)
const bundle = ours('../../../../target/test-clients/node/node_modules/webtorrent/dist/webtorrent.min.js')

const answers = {
    'GET /': () => ['text/html', readFileSync(ours('page.html'))],
    'GET /webtorrent.min.js': () => ['text/javascript', readFileSync(bundle)],
    'GET /torrent': () => ['application/octet-stream', readFileSync(torrent)],
    'GET /file': () => ['application/octet-stream', existsSync(file) ? readFileSync(file) : ''],
    'PUT /file': body => ['text/plain', writeWhole(body)],
    'POST /log': body => ['text/plain', console.log(String(body))]
}

function writeWhole(content) {
    writeFileSync(`${file}.part`, content)
    renameSync(`${file}.part`, file)
}

const server = createServer(async (request, response) => {
    const answer = answers[`${request.method} ${request.url}`]
    if (!answer) return response.writeHead(404).end()
    const [type, body] = answer(await buffer(request))
    response.setHeader('content-type', type).end(body)
})
// A secure context, although without TLS.
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

// Where Chromium looks for further roots.
const roots = `${state}/.pki/nssdb`
mkdirSync(roots, { recursive: true })
const certutil = (...what) => execFileSync('certutil', ['-d', `sql:${roots}`, ...what])
certutil('-N', '--empty-password')
certutil('-A', '-n', 'root', '-t', 'C,,', '-i', root)

const browser = spawn('chromium-headless-shell', [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    // Only what it dies of: without a desktop it reports much that it lacks.
    '--enable-logging=stderr',
    '--log-level=3',
    // Addresses and no mDNS names as candidates.
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    // It ends when this pipe is closed, that is, with this process.
    '--remote-debugging-pipe',
    `--user-data-dir=${state}`,
    `http://127.0.0.1:${server.address().port}/`
], { stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'], env: { ...process.env, HOME: state } })
browser.on('exit', (...status) => process.exit(console.log('the browser has ended', ...status)))
process.on('SIGINT', () => browser.stdio[3].end())
