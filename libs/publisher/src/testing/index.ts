export * from './scripted-collector';
