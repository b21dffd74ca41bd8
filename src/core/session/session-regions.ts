import { Injectable } from '@nestjs/common';
import { AppConfig, REGION_NAME } from '../../config/index.js';
import {
  type RedisClient,
  RedisService,
  type Subscription,
  type SubscriptionHandlers,
} from '../../infrastructure/redis/index.js';

/** Sessions of this region bear no mark, so that a shop that never had a second one keeps its sessions. */
const UNMARKED_REGION = 'local';
/** What marks a session id or token with its region; neither contains a dot besides. */
const MARK_END = '.';

/** One region's sessions: where they are read, changed and ended, from whichever region. */
export interface SessionRegion {
  readonly name: string;
  readonly isOwn: boolean;
  readonly client: RedisClient;
  subscribe(channel: string, handlers: SubscriptionHandlers): Subscription;
}

/** Splits `<region>.<rest>`; null when the region could not be one. Without a mark the region is ''. */
export function splitMark(text: string): { readonly region: string; readonly rest: string } | null {
  const end = text.indexOf(MARK_END);
  if (end < 0) return { region: '', rest: text };
  const region = text.slice(0, end);
  return REGION_NAME.test(region) ? { region, rest: text.slice(end + 1) } : null;
}

export function withMark(region: string, rest: string): string {
  return region === '' ? rest : `${region}${MARK_END}${rest}`;
}

/**
 * The regions and which of them is whose home. A session lives in the Redis of the region that it was opened
 * in, and there alone: another region goes there for every change of it, and cannot change it when the way is
 * cut. What is not marked belongs to the region `local`, and where there is none of that name, to this one.
 */
@Injectable()
export class SessionRegions {
  readonly own: SessionRegion;
  /** This one first. */
  readonly all: readonly SessionRegion[];
  /** What sessions that are opened here are marked with; empty: not at all. */
  readonly ownMark: string;
  /** The home of what bears no mark. */
  readonly unmarked: SessionRegion;
  private readonly byName: ReadonlyMap<string, SessionRegion>;

  constructor(redis: RedisService, config: AppConfig) {
    const name = config.env.REGION;
    this.own = {
      name,
      isOwn: true,
      client: redis.client('sessions'),
      subscribe: (channel, handlers) => redis.subscribe('sessions', channel, handlers),
    };
    const others = [...config.otherSessionRegions.keys()].map((region): SessionRegion => {
      const { client, subscriber } = redis.sessionsOf(region);
      return {
        name: region,
        isOwn: false,
        client,
        subscribe: (channel, handlers) => subscriber.subscribe(channel, handlers),
      };
    });
    this.all = [this.own, ...others];
    this.byName = new Map(this.all.map((region) => [region.name, region]));
    this.unmarked = this.byName.get(UNMARKED_REGION) ?? this.own;
    this.ownMark = name === UNMARKED_REGION ? '' : name;
  }

  /** The home of what bears the mark; null when this process knows no such region. */
  homeOf(mark: string): SessionRegion | null {
    return mark === '' ? this.unmarked : (this.byName.get(mark) ?? null);
  }
}
