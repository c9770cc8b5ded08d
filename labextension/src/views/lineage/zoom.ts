/**
 * Panning is the browser's own scrolling, which costs no script; zooming scales one layer. Nothing here draws again: the scale is
 * written to the element, the point under the pointer stays where it is.
 */

import type { Box } from '../../model/layout';

const LEAST = 0.1;
const MOST = 2;
const READABLE = 0.8;
/** A little smaller, if all of its width is in sight then. */
const NEARLY = 0.65;
const AROUND = 24;
/** Pixels that the pointer may wander in a click. */
const STILL = 4;

export class Zoom {
  private scale = 1;
  private width = 0;
  private height = 0;

  constructor(
    private readonly view: HTMLElement,
    private readonly sizer: HTMLElement,
    private readonly layer: HTMLElement,
    private readonly edges: SVGElement
  ) {}

  /** Listen until the returned function is called. */
  listen(): () => void {
    const drag = new Drag(this.view);
    const onWheel = (event: WheelEvent): void => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const edge = this.view.getBoundingClientRect();
        this.by(Math.exp(-event.deltaY * 0.0022), event.clientX - edge.left, event.clientY - edge.top);
      }
    };
    this.view.addEventListener('wheel', onWheel, { passive: false });
    const stop = drag.listen();
    const observer = new ResizeObserver(() => this.to(this.scale)); // it stands in the middle of a view that is wider than it
    observer.observe(this.view);
    return () => {
      stop();
      observer.disconnect();
      this.view.removeEventListener('wheel', onWheel);
    };
  }

  /** Another graph: as large as is readable, all of it in sight if it can be, else what is at `anchor`. */
  start(width: number, height: number, anchor: Box | undefined): void {
    this.width = width;
    this.height = height;
    const fitting = this.view.clientWidth / Math.max(1, width);
    this.to(fitting >= NEARLY ? Math.min(1, fitting) : READABLE);
    if (anchor) {
      this.view.scrollLeft = (anchor.x + anchor.width / 2) * this.scale - this.view.clientWidth / 2;
      this.view.scrollTop = (anchor.y + anchor.height) * this.scale - this.view.clientHeight + AROUND;
    }
  }

  /** The same graph with other nodes: the scale stays. */
  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.to(this.scale);
  }

  fit(): void {
    this.to(Math.min(1, this.fitting()));
  }

  by(factor: number, x = this.view.clientWidth / 2, y = this.view.clientHeight / 2): void {
    const { view, scale } = this;
    const [left, top] = [view.scrollLeft + x - this.offset(), view.scrollTop + y];
    this.to(scale * factor);
    const grown = this.scale / scale;
    view.scrollLeft = left * grown - x + this.offset();
    view.scrollTop = top * grown - y;
  }

  pan(dx: number, dy: number): void {
    this.view.scrollBy(dx, dy);
  }

  /** Scroll as little as it takes that a box is in sight. */
  show(box: Box): void {
    const { view, scale } = this;
    const near = (at: number, start: number, size: number, shown: number): number =>
      Math.min(Math.max(at, start + size + AROUND - shown), start - AROUND);
    view.scrollLeft = near(view.scrollLeft, box.x * scale + this.offset(), box.width * scale, view.clientWidth);
    view.scrollTop = near(view.scrollTop, box.y * scale, box.height * scale, view.clientHeight);
  }

  private fitting(): number {
    return Math.min(this.view.clientWidth / Math.max(1, this.width), this.view.clientHeight / Math.max(1, this.height));
  }

  /** What a graph narrower than the view is moved by to stand in its middle. */
  private offset(): number {
    return Math.max(0, (this.view.clientWidth - this.width * this.scale) / 2);
  }

  private to(scale: number): void {
    this.scale = Math.min(MOST, Math.max(LEAST, scale));
    this.sizer.style.width = `${Math.ceil(this.width * this.scale)}px`;
    this.sizer.style.height = `${Math.ceil(this.height * this.scale)}px`;
    this.edges.style.strokeWidth = `${Math.min(3, 1.25 / this.scale)}px`;
    this.layer.style.transform = `translateX(${this.offset()}px) scale(${this.scale})`;
  }
}

/** The mouse moves the graph, from its nodes too; a click that moved nothing stays a click. */
class Drag {
  constructor(private readonly view: HTMLElement) {}

  listen(): () => void {
    const stop = new AbortController();
    const { signal } = stop;
    this.view.addEventListener('pointerdown', event => this.begin(event), { signal });
    return () => stop.abort();
  }

  private begin(down: PointerEvent): void {
    if (down.button !== 0 || down.pointerType !== 'mouse') {
      return; // fingers scroll by themselves
    }
    const { view } = this;
    const [left, top] = [view.scrollLeft, view.scrollTop];
    const stop = new AbortController();
    let moved = false;
    const move = (event: PointerEvent): void => {
      const [dx, dy] = [event.clientX - down.clientX, event.clientY - down.clientY];
      if (!moved && Math.hypot(dx, dy) > STILL) {
        moved = true;
        view.setPointerCapture(down.pointerId);
        view.dataset.dragging = 'true';
      }
      if (moved) {
        view.scrollLeft = left - dx;
        view.scrollTop = top - dy;
      }
    };
    const end = (): void => {
      stop.abort();
      delete view.dataset.dragging;
      if (moved) {
        const swallow = (event: MouseEvent): void => event.stopPropagation();
        view.addEventListener('click', swallow, { capture: true, once: true });
        view.addEventListener('pointerdown', () => view.removeEventListener('click', swallow, true), { capture: true, once: true });
      }
    };
    view.addEventListener('pointermove', move, { signal: stop.signal });
    view.addEventListener('pointerup', end, { signal: stop.signal });
    view.addEventListener('pointercancel', end, { signal: stop.signal });
  }
}
