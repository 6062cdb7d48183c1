export * from './grouped-number';
export * from './help-rows';
export * from './option-description';
export * from './option-values';
export * from './progress';
export * from './quickstart-hint';
export * from './read-options';
export * from './signal-watch';
