import { useEffect, useRef, useState } from 'preact/hooks';

/**
 * Whether an element came near the screen (stays true), and its width in CSS pixels. What is far below is not
 * read before somebody scrolls to it; the width decides how many points a chart asks for.
 */
export function useNearScreen() {
  const ref = useRef<HTMLDivElement>(null);
  const [near, setNear] = useState(false);
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = ref.current;
    if (element === null) return undefined;
    const sight = new IntersectionObserver(
      (entries) => {
        if (!entries.some((entry) => entry.isIntersecting)) return;
        setNear(true);
        sight.disconnect();
      },
      { rootMargin: '300px' },
    );
    const size = new ResizeObserver(() => setWidth(element.clientWidth));
    sight.observe(element);
    size.observe(element);
    return () => {
      sight.disconnect();
      size.disconnect();
    };
  }, []);
  return { ref, near, width };
}
