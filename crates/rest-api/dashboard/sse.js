// A parser of server-sent events: text in pieces of any length in, the data of whole events out.

export function eventParser() {
    let rest = ''
    return piece => {
        const blocks = (rest + piece).split('\n\n')
        rest = blocks.pop()
        return blocks.map(dataOf).filter(data => data !== '')
    }
}

function dataOf(block) {
    const lines = block.split('\n').filter(line => line.startsWith('data:'))
    return lines.map(line => line.slice('data:'.length).trimStart()).join('\n')
}
