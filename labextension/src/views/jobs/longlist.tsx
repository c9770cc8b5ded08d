/**
 * A long list within whatever scrolls around it: only the rows in sight are drawn, each where it stands.
 *
 * Rows may be of any height and may grow. One that has the focus stays, so that the keyboard does not lose its place.
 */

import * as React from 'react';

import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual';

const SPARE = 6;

/** The nearest ancestor that scrolls. */
function scrollerOf(list: HTMLElement | null): HTMLElement | null {
  let at = list?.parentElement ?? null;
  while (at && !/auto|scroll/.test(getComputedStyle(at).overflowY)) {
    at = at.parentElement;
  }
  return at;
}

/** What scrolls around the list, and how far below its top the list begins: measured again when anything around it grows. */
function usePlace(list: React.RefObject<HTMLElement>): { scroller: HTMLElement | null; margin: number } {
  const [place, setPlace] = React.useState<{ scroller: HTMLElement | null; margin: number }>({ scroller: null, margin: 0 });
  React.useLayoutEffect(() => {
    const element = list.current;
    const scroller = scrollerOf(element);
    if (!element || !scroller) {
      return undefined;
    }
    const measure = (): void => {
      const margin = Math.round(element.getBoundingClientRect().top - scroller.getBoundingClientRect().top + scroller.scrollTop);
      setPlace(before => (before.margin === margin && before.scroller === scroller ? before : { scroller, margin }));
    };
    const observer = new ResizeObserver(measure);
    for (let around = element.parentElement; around && around !== scroller; around = around.parentElement) {
      observer.observe(around);
    }
    measure();
    return () => observer.disconnect();
  }, [list]);
  return place;
}

/** Where a row stands, in pixels below the list's top, and who wants to know how high it is: its element, with its `data-index`. */
export interface Placed {
  readonly top: number;
  readonly measure: (element: HTMLElement | null) => void;
}

interface LongListProps {
  count: number;
  /** Pixels that a row is guessed to be high before it is measured. */
  guess: number;
  label: string;
  className: string;
  keyOf: (at: number) => string;
  row: (at: number, placed: Placed) => React.JSX.Element | null;
}

export function LongList({ count, guess, label, className, keyOf, row }: LongListProps): React.JSX.Element {
  const list = React.useRef<HTMLUListElement>(null);
  const { scroller, margin } = usePlace(list);
  const [focused, setFocused] = React.useState(-1);
  const virtual = useVirtualizer<HTMLElement, HTMLElement>({
    count,
    getScrollElement: () => scroller,
    estimateSize: () => guess,
    overscan: SPARE,
    scrollMargin: margin,
    getItemKey: keyOf,
    rangeExtractor: (range: Range) => {
      const inSight = defaultRangeExtractor(range);
      return focused < 0 || focused >= count || inSight.includes(focused) ? inSight : [...inSight, focused].sort((a, b) => a - b);
    }
  });
  const onFocus = (event: React.FocusEvent): void => setFocused(Number(event.target.closest<HTMLElement>('[data-index]')?.dataset.index ?? -1));
  return (
    // The focus is on what is in a row: the list only notes where.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <ul ref={list} className={`${className} jp-mlops-long`} aria-label={label} style={{ height: virtual.getTotalSize() }} onFocus={onFocus} onBlur={() => setFocused(-1)}>
      {virtual.getVirtualItems().map(item => row(item.index, { top: item.start - margin, measure: virtual.measureElement }))}
    </ul>
  );
}
