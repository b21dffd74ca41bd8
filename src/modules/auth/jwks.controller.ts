import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProperty, ApiTags } from '@nestjs/swagger';
import { Anonymous } from '../../core/access-control/index.js';
import { type PublicJwk, SigningKeys } from './signing-keys.js';

class PublicJwkResponse implements PublicJwk {
  @ApiProperty({ enum: ['RSA'] })
  readonly kty!: 'RSA';

  @ApiProperty({ enum: ['sig'] })
  readonly use!: 'sig';

  @ApiProperty({ enum: ['RS256'] })
  readonly alg!: 'RS256';

  @ApiProperty({ description: 'RFC 7638 thumbprint.' })
  readonly kid!: string;

  @ApiProperty()
  readonly n!: string;

  @ApiProperty()
  readonly e!: string;
}

class JwksResponse {
  @ApiProperty({ type: [PublicJwkResponse] })
  readonly keys!: readonly PublicJwkResponse[];
}

@ApiTags('auth')
@Anonymous()
@Controller('.well-known')
export class JwksController {
  constructor(private readonly signingKeys: SigningKeys) {}

  /** A new key is published one cache life before it signs. */
  @Get('jwks.json')
  @Header('Cache-Control', 'public, max-age=300')
  @ApiOperation({ summary: 'Public keys of access tokens, the signing one first (RFC 7517)' })
  @ApiOkResponse({ type: JwksResponse })
  jwks(): JwksResponse {
    return { keys: this.signingKeys.jwks };
  }
}
