// Shares one torrent with WebTorrent in Node until SIGINT.
//
// Usage: node peer.mjs TORRENT FOLDER
//
// The file is expected in FOLDER. A complete one is seeded, otherwise it is downloaded and then seeded.

import WebTorrent from '../../../../target/test-clients/node/node_modules/webtorrent/index.js'

const [torrentFile, folder] = process.argv.slice(2)

const client = new WebTorrent({
    dht: false,
    lsd: false,
    natPmp: false,
    natUpnp: false,
    utPex: false,
    utp: false,
    tracker: { rtcConfig: { iceServers: [] } }
})
const torrent = client.add(torrentFile, { path: folder })
for (const event of ['warning', 'error']) torrent.on(event, error => console.log(`${event}: ${error.message}`))
torrent.on('trackerAnnounce', () => console.log('the tracker has answered'))
torrent.on('wire', wire => console.log(`a wire of type ${wire.type}`))
process.on('SIGINT', () => client.destroy(() => process.exit()))
