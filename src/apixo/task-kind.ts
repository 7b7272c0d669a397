import type { Model } from './model.ts';

/** `MODEL/SECONDS/PROVIDER`, which determine how long a task takes. */
export function kindOf(model: Pick<Model, 'id'>, videoSeconds: number, provider: string): string {
  return `${model.id}/${videoSeconds}/${provider}`;
}

/** Seconds of video of a kind. */
export function secondsOf(kind: string): number {
  return Number(kind.split('/')[1]);
}
