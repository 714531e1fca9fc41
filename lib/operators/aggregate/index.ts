export * from './aggregator.ts';
