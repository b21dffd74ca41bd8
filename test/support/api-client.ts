/** An answer of the API with its body read. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed JSON; an empty object when there is no body. */
  readonly body: ApiBody;
}

// The shape of an answer is what the tests are about: they look into it freely.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type ApiBody = Record<string, any>;

export interface ApiRequest {
  readonly token?: string;
  readonly key?: string;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Calls the API over real HTTP. */
export class ApiClient {
  constructor(private readonly baseUrl: string) {}

  async request(
    method: string,
    path: string,
    { token, key, headers, body }: ApiRequest = {},
  ): Promise<ApiAnswer> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(key === undefined ? {} : { 'idempotency-key': key }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: (text === '' ? {} : JSON.parse(text)) as ApiAnswer['body'],
    };
  }

  get(path: string, request?: ApiRequest): Promise<ApiAnswer> {
    return this.request('GET', path, request);
  }

  post(path: string, request?: ApiRequest): Promise<ApiAnswer> {
    return this.request('POST', path, request);
  }

  put(path: string, request?: ApiRequest): Promise<ApiAnswer> {
    return this.request('PUT', path, request);
  }
}
