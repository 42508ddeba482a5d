// Announces and scrapes with the client of bittorrent-tracker, and prints what the tracker has answered as a JSON line.
//
// Usage: node tracker_client.mjs TORRENT
//
// The tracker of TORRENT is asked, for other torrents. Over WebSocket all clients share one connection; the last one
// announces no end.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'

import Client from '../../../../target/test-clients/node/node_modules/bittorrent-tracker/client.js'
import parseTorrent from '../../../../target/test-clients/node/node_modules/parse-torrent/index.js'

const { announce: [url] } = await parseTorrent(readFileSync(process.argv[2]))
// Bytes above 0x7F, but valid UTF-8: the client does not recognize others in an answer to a scrape over HTTP.
const torrents = ['c3a4', 'c3b6', 'c3bc'].map(hex => hex.repeat(10))
// A tracker that reads only its lower 32 bits takes its leecher for a seeder.
const large = 2 ** 33

function end(error) {
    if (error) console.log(`failed: ${error.stack}`)
    process.exit(error ? 1 : 0)
}

function client(torrent, id, port) {
    const peerId = Buffer.from(`-XX0001-${id}`.padEnd(20, '.'))
    const made = new Client({ announce: url, infoHash: torrent, peerId, port, rtcConfig: { iceServers: [] } })
    return made.on('warning', end).on('error', end)
}

async function answer(client, announce) {
    const answered = once(client, 'update')
    announce()
    const [{ complete, incomplete }] = await answered
    return { complete, incomplete }
}

const counts = ({ complete, incomplete, downloaded }) => ({ complete, incomplete, downloaded })

async function scrapeOne(client) {
    const answered = once(client, 'scrape')
    client.scrape()
    return counts((await answered)[0])
}

async function scrapeMany() {
    // Only its UDP part takes bytes, and takes nothing else.
    const infoHash = url.startsWith('udp:') ? torrents.map(hex => Buffer.from(hex, 'hex')) : torrents
    const found = await new Promise(resolve => {
        Client.scrape({ announce: url, infoHash }, (error, found) => error ? end(error) : resolve(found))
    })
    return torrents.map(torrent => counts(found[torrent]))
}

setTimeout(end, 60_000, new Error('timed out')).unref()
process.on('unhandledRejection', end)

const [leecher, seeder] = [client(torrents[0], 'leecher', 1001), client(torrents[0], 'seeder', 1002)]
const other = client(torrents[1], 'other', 1003)
const found = once(seeder, 'peer')
const seen = {
    leecherStarts: await answer(leecher, () => leecher.start({ left: large })),
    seederStarts: await answer(seeder, () => seeder.start({ left: 0 })),
    // Over WebSocket, the sender of the answer to one of the seeder's offers.
    seederFinds: await found.then(([peer]) => peer.id ? String(Buffer.from(peer.id, 'hex')) : peer),
    otherStarts: await answer(other, () => other.start({ left: large })),
    leecherUpdates: await answer(leecher, () => leecher.update({ left: large, downloaded: large })),
    leecherCompletes: await answer(leecher, () => leecher.complete({ left: 0, downloaded: large })),
    scrapeOne: await scrapeOne(leecher),
    scrapeMany: await scrapeMany(),
    leecherStops: await answer(leecher, () => leecher.stop({ left: 0 })),
    seederStops: await answer(seeder, () => seeder.stop({ left: 0 }))
}
console.log(JSON.stringify(seen))
end()
