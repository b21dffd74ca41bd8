import { Controller, Get, Header } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import { Problem } from '../../common/problem.js';
import { Authenticated, CurrentPrincipal, type Principal } from '../../core/access-control/index.js';
import { UsersService } from '../users/index.js';
import { UserResponse } from './signed-in.dto.js';

@ApiTags('auth')
@ApiBearerAuth()
@Authenticated()
@Controller('me')
export class MeController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ summary: 'The account of the access token' })
  @ApiOkResponse({ type: UserResponse })
  @ApiResponse({ status: 401, description: 'AUTHENTICATION_REQUIRED, ACCESS_TOKEN_INVALID' })
  async me(@CurrentPrincipal() principal: Principal): Promise<UserResponse> {
    const user = await this.users.findById(principal.userId);
    // The account was removed after the token was issued.
    if (user === null) throw new Problem('ACCESS_TOKEN_INVALID');
    return new UserResponse(user);
  }
}
