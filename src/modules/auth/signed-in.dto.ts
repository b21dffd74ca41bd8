import { ApiProperty } from '@nestjs/swagger';
import { type Role, ROLES, type User } from '../users/index.js';
import type { SignedIn } from './auth.service.js';

export class UserResponse {
  @ApiProperty({ format: 'uuid' })
  readonly id: string;

  @ApiProperty({ format: 'email', description: 'In the normalised form under which it is stored.' })
  readonly email: string;

  @ApiProperty()
  readonly name: string;

  @ApiProperty({ enum: ROLES })
  readonly role: Role;

  constructor({ id, email, name, role }: User) {
    this.id = id;
    this.email = email;
    this.name = name;
    this.role = role;
  }
}

export class SignedInResponse {
  @ApiProperty({ description: 'A JWT (RS256); its keys are at /.well-known/jwks.json.' })
  readonly accessToken: string;

  @ApiProperty({ enum: ['Bearer'] })
  readonly tokenType = 'Bearer';

  @ApiProperty({ type: 'integer', description: 'Seconds until the access token expires.', example: 900 })
  readonly expiresIn: number;

  @ApiProperty({ type: UserResponse })
  readonly user: UserResponse;

  constructor({ accessToken, expiresInSeconds, user }: SignedIn) {
    this.accessToken = accessToken;
    this.expiresIn = expiresInSeconds;
    this.user = new UserResponse(user);
  }
}
