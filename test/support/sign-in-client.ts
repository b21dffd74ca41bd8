import { randomBytes } from 'node:crypto';
import { type ApiAnswer, ApiClient, type ApiRequest } from './api-client.js';
import { waitFor } from './wait-for.js';

export const REFRESH_COOKIE = '__Host-caudal_refresh';
export const PASSWORD = 'correct horse battery staple';

export interface SignedIn {
  readonly accessToken: string;
  readonly tokenType: string;
  readonly expiresIn: number;
  readonly user: {
    readonly id: string;
    readonly email: string;
    readonly name: string;
    readonly role: string;
  };
}

/** A client that keeps its refresh cookie as a browser would. */
export class SignInClient extends ApiClient {
  /** Value of the refresh cookie; empty when there is none. */
  cookie = '';

  override async request(method: string, path: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const headers = { ...request.headers };
    if (this.cookie !== '') headers['cookie'] = `${REFRESH_COOKIE}=${this.cookie}`;
    const answer = await super.request(method, path, { ...request, headers });
    for (const line of answer.headers.getSetCookie()) {
      const match = /^__Host-caudal_refresh=([^;]*)/.exec(line);
      if (match !== null) this.cookie = match[1] ?? '';
    }
    return answer;
  }

  tryToRegister(account: object = {}): Promise<ApiAnswer> {
    return this.post('/api/v1/auth/register', {
      body: { email: newEmail(), password: PASSWORD, name: 'Ada Lovelace', ...account },
    });
  }

  async register(email = newEmail()): Promise<SignedIn> {
    const { status, body } = await this.tryToRegister({ email });
    if (status !== 201) throw new Error(`registration failed: ${JSON.stringify(body)}`);
    return body as SignedIn;
  }

  logIn(email: string, password = PASSWORD): Promise<ApiAnswer> {
    return this.post('/api/v1/auth/login', { body: { email, password } });
  }

  refresh(headers: Record<string, string> = {}): Promise<ApiAnswer> {
    return this.post('/api/v1/auth/refresh', { headers });
  }

  logOut(): Promise<ApiAnswer> {
    return this.post('/api/v1/auth/logout');
  }

  me(token: string): Promise<ApiAnswer> {
    return this.get('/api/v1/me', { token });
  }
}

let emails = 0;

/** An address that no other account of this test file has. */
export function newEmail(): string {
  return `person-${String((emails += 1))}@example.com`;
}

/** The application connects to Redis in the background; until then it cannot sign anybody in. */
export async function waitForSessionStore(url: string): Promise<void> {
  await waitFor('the session store', async () => {
    const client = new SignInClient(url);
    client.cookie = randomBytes(57).toString('base64url');
    return (await client.refresh()).status === 401;
  });
}

export function expectProblem(answer: ApiAnswer, status: number, code: string): void {
  expect({ status: answer.status, code: answer.body['code'] as unknown }).toEqual({ status, code });
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
}
