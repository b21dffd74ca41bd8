import { ApiProperty } from '@nestjs/swagger';
import type { SessionListing, SessionView } from '../../core/session/index.js';

export class SessionResponse {
  @ApiProperty({ description: 'Names the session; no secret.', example: 'p8Rk2cVvSxqYQ0n1m5tZ7A' })
  readonly id: string;

  @ApiProperty({ format: 'date-time' })
  readonly createdAt: string;

  @ApiProperty({ format: 'date-time', description: 'Some minutes late at most.' })
  readonly lastSeenAt: string;

  @ApiProperty({ format: 'date-time', description: 'When the session ends unless it is used again.' })
  readonly expiresAt: string;

  @ApiProperty({ description: 'What the client called itself at the log-in, shortened; may be empty.' })
  readonly userAgent: string;

  @ApiProperty({ description: 'Network of the log-in; empty when unknown.', example: '203.0.113.0/24' })
  readonly ipNetwork: string;

  @ApiProperty({ description: 'It is the session of this request.' })
  readonly current: boolean;

  constructor(view: SessionView, currentId: string) {
    this.id = view.sessionId;
    this.createdAt = new Date(view.openedAtMs).toISOString();
    this.lastSeenAt = new Date(view.seenAtMs).toISOString();
    this.expiresAt = new Date(view.expiresAtMs).toISOString();
    this.userAgent = view.userAgent;
    this.ipNetwork = view.network;
    this.current = view.sessionId === currentId;
  }
}

export class SessionListResponse {
  @ApiProperty({ type: [SessionResponse], description: 'Last used first; their number is limited.' })
  readonly items: SessionResponse[];

  @ApiProperty({
    type: [String],
    description: 'Regions that cannot be reached at present; sessions that were opened there are not listed.',
    example: [],
  })
  readonly missingRegions: readonly string[];

  constructor({ sessions, missingRegions }: SessionListing, currentId: string) {
    this.missingRegions = missingRegions;
    this.items = [...sessions]
      .sort((one, other) => other.seenAtMs - one.seenAtMs || other.openedAtMs - one.openedAtMs)
      .map((view) => new SessionResponse(view, currentId));
  }
}

export class SessionsEndedResponse {
  @ApiProperty({ type: 'integer', description: 'How many live sessions were ended.' })
  readonly ended: number;

  constructor(ended: number) {
    this.ended = ended;
  }
}
