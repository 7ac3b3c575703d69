/** Colours of lines, readable on their ground and apart for the common kinds of colour blindness. */
export const LINE_COLORS = {
  light: [
    '#1f5fbf',
    '#c2410c',
    '#0f766e',
    '#8b2fc9',
    '#a16207',
    '#be185d',
    '#4d7c0f',
    '#0e7490',
    '#7f1d1d',
    '#475569',
  ],
  dark: [
    '#6ea8fe',
    '#fb923c',
    '#2dd4bf',
    '#c792f5',
    '#facc15',
    '#f472b6',
    '#a3e635',
    '#67c8f0',
    '#fca5a5',
    '#cbd5e1',
  ],
} as const;

/** What the canvas needs besides; the same values as the style sheet's tokens. */
export const CANVAS = {
  light: { text: '#566272', grid: '#e7ebf0', tick: '#cfd6de', danger: '#c01c28', cursor: '#7b8794' },
  dark: { text: '#9aa7b5', grid: '#232c36', tick: '#36424f', danger: '#ff7b72', cursor: '#8794a3' },
} as const;

export type Shade = keyof typeof LINE_COLORS;

export const lineColor = (shade: Shade, index: number): string =>
  LINE_COLORS[shade][index % LINE_COLORS[shade].length] ?? '#888888';

/** `#rrggbb` with an opacity from 0 to 1. */
export const withAlpha = (color: string, alpha: number): string =>
  `${color}${Math.round(alpha * 255)
    .toString(16)
    .padStart(2, '0')}`;
