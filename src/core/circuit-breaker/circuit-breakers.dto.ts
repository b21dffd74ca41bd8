import { ApiProperty } from '@nestjs/swagger';
import { IsIn } from 'class-validator';
import { CIRCUIT_MODES, type CircuitMode, type CircuitState } from './circuit-breaker.js';

export class SetCircuitModeDto {
  @ApiProperty({
    enum: CIRCUIT_MODES,
    description: '`automatic` lets results decide; the circuit starts closed in every mode',
  })
  @IsIn(CIRCUIT_MODES)
  mode!: CircuitMode;
}

export class CircuitBreakerDto {
  @ApiProperty() name!: string;
  @ApiProperty({ enum: CIRCUIT_MODES }) mode!: CircuitMode;
  @ApiProperty({ enum: ['closed', 'open', 'half_open'], description: 'As the answering process sees it' })
  state!: CircuitState;
  @ApiProperty({ description: 'False while the process decides alone, because Redis is away' })
  isShared!: boolean;
  @ApiProperty({ description: "Number of the fleet's last change; 0 before the first" })
  generation!: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Until the next probe; null unless open' })
  retryAfterMs!: number | null;
  @ApiProperty({ description: 'Results of the answering process in its window' })
  callsInWindow!: number;
  @ApiProperty({ type: Number, nullable: true, description: 'Null below the minimum of calls' })
  failureRate!: number | null;
  @ApiProperty({ type: Number, nullable: true, description: 'Null below the minimum of calls' })
  slowCallRate!: number | null;
  @ApiProperty({ description: 'Calls of the answering process on their way' })
  callsRunning!: number;
}

export class CircuitBreakersDto {
  @ApiProperty({ type: [CircuitBreakerDto] }) items!: CircuitBreakerDto[];
}
