/** What JupyterLab's packages expect of a browser and jsdom does not have. */

class Inert {
  observe(): void {
    return;
  }
  unobserve(): void {
    return;
  }
  disconnect(): void {
    return;
  }
}

Object.assign(globalThis, {
  DragEvent: globalThis.MouseEvent,
  ResizeObserver: Inert,
  IntersectionObserver: Inert,
  requestIdleCallback: (run: () => void) => setTimeout(run, 0),
  cancelIdleCallback: (id: number) => clearTimeout(id),
  matchMedia: (query: string) => ({
    matches: false,
    media: query,
    addEventListener: () => undefined,
    removeEventListener: () => undefined
  })
});

Element.prototype.scrollIntoView = () => undefined;
