import type { FastifyRequest } from 'fastify';
import type { Principal } from './principal.js';

/** A request behind the access guard; anonymous ones have no principal. */
export type AuthenticatedRequest = FastifyRequest & { principal?: Principal };
