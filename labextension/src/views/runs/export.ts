/** A chart as a file: SVG with its colours in it, the same as PNG, its figures as CSV. Nothing leaves the browser. */

const STYLES = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-opacity', 'stroke-linejoin', 'opacity', 'font-family',
  'font-size', 'font-weight', 'text-anchor', 'dominant-baseline', 'paint-order'
];
const TWICE = 2;
const NOTHING = /^(transparent|rgba\(0, 0, 0, 0\))$/;

function windowOf(element: Element): Window & typeof globalThis {
  const found = element.ownerDocument.defaultView;
  if (!found) {
    throw new Error('The chart is not shown any more');
  }
  return found;
}

/** The colour behind an element: of the first around it that has one. */
function behind(element: Element): string {
  const view = windowOf(element);
  for (let one: Element | null = element; one; one = one.parentElement) {
    const colour = view.getComputedStyle(one).backgroundColor;
    if (!NOTHING.test(colour)) {
      return colour;
    }
  }
  return 'white';
}

/** The chart as the text of an SVG file that needs nothing else. */
export function svgText(chart: SVGSVGElement): string {
  const view = windowOf(chart);
  const copy = chart.cloneNode(true) as SVGSVGElement;
  const sources = [chart, ...chart.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((element, i) => {
    const source = sources[i];
    if (source) {
      const computed = view.getComputedStyle(source);
      STYLES.forEach(name => element.setAttribute(name, computed.getPropertyValue(name)));
    }
    ['class', 'style', 'tabindex', 'role', 'data-testid'].forEach(name => element.removeAttribute(name));
    [...element.attributes].filter(one => one.name.startsWith('aria-')).forEach(one => element.removeAttribute(one.name));
  });
  copy.querySelectorAll('[data-only-here]').forEach(element => element.remove());
  const { width, height } = chart.getBoundingClientRect();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(Math.round(width)));
  copy.setAttribute('height', String(Math.round(height)));
  const ground = chart.ownerDocument.createElementNS('http://www.w3.org/2000/svg', 'rect');
  Object.entries({ width: '100%', height: '100%', fill: behind(chart) }).forEach(([name, value]) => ground.setAttribute(name, value));
  copy.prepend(ground);
  return new view.XMLSerializer().serializeToString(copy);
}

/** Hand a file to the browser. */
function save(near: Element, content: Blob, name: string): void {
  const { URL } = windowOf(near);
  const link = near.ownerDocument.createElement('a');
  const url = URL.createObjectURL(content);
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saveText(near: Element, text: string, name: string, type: string): void {
  save(near, new Blob([text], { type }), name);
}

/** The chart as a picture, twice as fine as it is shown. */
export async function savePng(chart: SVGSVGElement, name: string): Promise<void> {
  const view = windowOf(chart);
  const { width, height } = chart.getBoundingClientRect();
  const url = view.URL.createObjectURL(new Blob([svgText(chart)], { type: 'image/svg+xml' }));
  try {
    const image = new view.Image();
    image.src = url;
    await image.decode();
    const canvas = chart.ownerDocument.createElement('canvas');
    [canvas.width, canvas.height] = [Math.round(width * TWICE), Math.round(height * TWICE)];
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height);
    const content = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, 'image/png'));
    if (content === null) {
      throw new Error('The browser cannot make a picture of this size');
    }
    save(chart, content, name);
  } finally {
    view.URL.revokeObjectURL(url);
  }
}
