import { ApiProperty } from '@nestjs/swagger';
import { IsEmail, IsString, Length, MaxLength } from 'class-validator';
import { IsLine, LINE_PATTERN } from '../../core/validation/index.js';

/** RFC 5321, 4.5.3.1.3: a path has 256 octets, two of which are its brackets. */
const EMAIL_LENGTH_MAX = 254;
/** NIST SP 800-63B asks for at least 8 and for room for 64; the upper bound keeps hashing cheap to refuse. */
const PASSWORD_LENGTH_MIN = 8;
const PASSWORD_LENGTH_MAX = 128;
const NAME_LENGTH_MAX = 100;

export class LoginRequest {
  @ApiProperty({ format: 'email', maxLength: EMAIL_LENGTH_MAX, example: 'ada@example.com' })
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsEmail()
  readonly email!: string;

  /** A shorter one than registration takes is wrong, not invalid. */
  @ApiProperty({ format: 'password', minLength: 1, maxLength: PASSWORD_LENGTH_MAX })
  @Length(1, PASSWORD_LENGTH_MAX)
  @IsString()
  readonly password!: string;
}

export class RegisterRequest {
  @ApiProperty({ format: 'email', maxLength: EMAIL_LENGTH_MAX, example: 'ada@example.com' })
  @MaxLength(EMAIL_LENGTH_MAX)
  @IsEmail()
  readonly email!: string;

  @ApiProperty({ format: 'password', minLength: PASSWORD_LENGTH_MIN, maxLength: PASSWORD_LENGTH_MAX })
  @Length(PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX)
  @IsString()
  readonly password!: string;

  @ApiProperty({
    minLength: 1,
    maxLength: NAME_LENGTH_MAX,
    pattern: LINE_PATTERN,
    example: 'Ada Lovelace',
  })
  @IsLine(NAME_LENGTH_MAX)
  readonly name!: string;
}
