/** How wide a part of the panel is, measured where it decides what is asked for. */

import * as React from 'react';

/** The width of a box, as it changes. */
export function useWidth(): [React.RefObject<HTMLDivElement>, number] {
  const box = React.useRef<HTMLDivElement>(null);
  const [width, setWidth] = React.useState(0);
  React.useLayoutEffect(() => {
    const element = box.current;
    const measure = (): void => setWidth(element?.clientWidth ?? 0);
    const observer = new ResizeObserver(measure);
    if (element) {
      observer.observe(element);
    }
    measure();
    return () => observer.disconnect();
  }, []);
  return [box, width];
}
