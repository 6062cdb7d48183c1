/**
 * What a library needs that is used outside of this project's own programs: time, chance and text. Nothing
 * here reads configuration or needs a package.
 */
export { systemClock, type Clock } from './clock';
export { systemRandom, type Random } from './random';
export { escapeUnprintable, shownValue } from './shown-text';
export { messageOf } from './thrown-value';
