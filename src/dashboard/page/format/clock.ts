const pad = (value: number, length = 2): string => String(Math.trunc(value)).padStart(length, '0');

/** A length of time, two units at most: 850 ms, 4.2 s, 3 min 20 s, 2 h 05 min, 3 d 4 h. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '—';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${pad(seconds % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A running time as a clock shows it, for columns: 0:43, 41:48, 1:02:03; days from 48 h on. */
export function formatClock(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return '—';
  const seconds = Math.floor(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  const minutes = Math.floor((seconds % 3600) / 60);
  return `${hours > 0 ? `${hours}:${pad(minutes)}` : minutes}:${pad(seconds % 60)}`;
}

/** How long ago, one unit: 43 s ago, 5 min ago. A time ahead of the clock counts as now. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 1) return 'just now';
  if (seconds < 120) return `${seconds} s ago`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Local wall clock of a moment, `14:03:09`. */
export function formatTime(time: number): string {
  const date = new Date(time);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

/** Local date and wall clock, `2026-11-24 14:03:09`. */
export function formatDateTime(time: number): string {
  const date = new Date(time);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${formatTime(time)}`;
}

/** Axis ticks of a relative time axis (seconds), as exact as `step` (distance of two ticks, seconds) asks. */
export function formatElapsed(seconds: number, step: number): string {
  const sign = seconds < 0 ? '−' : '';
  const size = Math.abs(seconds);
  if (step < 1) return `${sign}${Number(size.toFixed(3))} s`;
  if (size < 60 && step < 60) return `${sign}${Math.round(size)} s`;
  const hours = Math.floor(size / 3600);
  const minutes = Math.floor((size % 3600) / 60);
  if (step < 60) return `${sign}${hours > 0 ? `${hours}:${pad(minutes)}` : minutes}:${pad(size % 60)}`;
  if (hours === 0) return `${sign}${minutes} min`;
  if (step >= 86_400) return `${sign}${Math.round(size / 86_400)} d`;
  return minutes === 0 ? `${sign}${hours} h` : `${sign}${hours}:${pad(minutes)} h`;
}
