import type { Request, Response } from 'express';

export type { NextFunction, Request, Response } from 'express';

/** A segment of the path, decoded once. */
export function pathParameter(req: Request, name: string): string {
  const value = req.params[name];
  if (typeof value !== 'string') throw new Error(`the route has no parameter ${name}`);
  return value;
}

/** Sends JSON that is not to be stored. */
export function sendJson(res: Response, status: number, body: unknown): void {
  res
    .status(status)
    .set('Content-Type', 'application/json')
    .send(Buffer.from(`${JSON.stringify(body)}\n`));
}
