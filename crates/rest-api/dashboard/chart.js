// Line charts as SVG. The lines are stretched to the width there is; texts are HTML beside them. The text alternative is the
// label of the picture and the legend, which has the value of each line at present, or where the pointer is.

import { el, svg } from './dom.js'
import { secondsShown } from './figures.js'
import { axisEnd, bytes, short } from './format.js'

const [WIDTH, HEIGHT] = [300, 100]

export function lineChart({ title, unit, lines, bytes: isBytes }) {
    const format = isBytes ? bytes : short
    const paths = lines.map((_, index) => svg('path', { class: `line line-${index}` }))
    const cursor = svg('line', { class: 'cursor', y1: 0, y2: HEIGHT })
    const grid = [0.5, 1].map(part => svg('line', { class: 'grid', x1: 0, x2: WIDTH, y1: HEIGHT * (1 - part), y2: HEIGHT * (1 - part) }))
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img' }, ...grid, ...paths, cursor)
    const [top, middle] = [el('span', { class: 'y-top' }), el('span', { class: 'y-middle' })]
    const values = lines.map(() => el('b', {}, '–'))
    const when = el('small', {}, unit)
    const legend = lines.map(({ name }, index) => el('li', {}, swatch(index), `${name} `, values[index]))
    const element = el('figure', { class: 'chart card' },
        el('figcaption', {}, el('h2', {}, title), when),
        el('div', { class: 'plot' }, picture, top, middle),
        el('ul', { class: 'legend' }, ...legend))
    let shown = { times: [], series: [] }
    let pointed = null

    function showValues() {
        const last = shown.times.length - 1
        const index = pointed === null ? last : last - Math.round((1 - pointed) * (secondsShown(last + 1) - 1))
        const isPast = pointed !== null && index >= 0 && index < last
        const at = isPast ? index : last
        values.forEach((value, line) => value.replaceChildren(text(shown.series[line]?.[at], format)))
        when.replaceChildren(isPast ? `${last - at} s ago` : unit)
        cursor.setAttribute('visibility', isPast ? 'visible' : 'hidden')
        for (const end of ['x1', 'x2']) cursor.setAttribute(end, (pointed ?? 0) * WIDTH)
    }
    picture.addEventListener('pointermove', ({ clientX }) => {
        const { left, width } = picture.getBoundingClientRect()
        pointed = Math.min(1, Math.max(0, (clientX - left) / width))
        showValues()
    })
    picture.addEventListener('pointerleave', () => {
        pointed = null
        showValues()
    })
    function draw(times, series) {
        shown = { times, series }
        const end = axisEnd(Math.max(...series.flat()), isBytes)
        paths.forEach((path, index) => path.setAttribute('d', pathOf(series[index], end)))
        top.replaceChildren(format(end))
        middle.replaceChildren(format(end / 2))
        picture.setAttribute('aria-label', summary(title, unit, lines, series, format))
        showValues()
    }
    return { element, draw }
}

const swatch = index => svg('svg', { class: 'swatch', viewBox: '0 0 20 6', 'aria-hidden': 'true' },
    svg('path', { class: `line line-${index}`, d: 'M0 3H20' }))

const text = (value, format) => value === undefined || value === null ? '–' : format(value)

// Returns the line through the values, the last at the right, with gaps where there are none.
export function pathOf(values, end) {
    const step = WIDTH / (secondsShown(values.length) - 1)
    const x = index => WIDTH - (values.length - 1 - index) * step
    let isOpen = false
    return values.map((value, index) => {
        if (value === null) {
            isOpen = false
            return ''
        }
        const command = isOpen ? 'L' : 'M'
        isOpen = true
        return `${command}${x(index).toFixed(2)} ${(HEIGHT * (1 - value / end)).toFixed(2)}`
    }).join('')
}

function summary(title, unit, lines, series, format) {
    const parts = lines.map(({ name }, index) => {
        const known = series[index].filter(value => value !== null)
        if (known.length === 0) return `${name} not known yet`
        return `${name} ${format(known.at(-1))}, between ${format(Math.min(...known))} and ${format(Math.max(...known))}`
    })
    return `${title} ${unit}, in the last ${series[0].length} seconds: ${parts.join('; ')}`
}
