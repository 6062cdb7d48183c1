import type { Clock, FlowBudget, PipelineError } from '@event-pipeline/runtime';
import type { EventOrigin } from '../ingest/event-origin';
import type { Caller } from '../ingest/caller';
import { authError, type AuthFailed, type AuthFailureReason } from './auth-failure';
import { QuotaFlow } from './quota-flow';
import type { QuotaShare } from './quota-share';
import type { Quotas } from './quotas';
import type { Principal, PrincipalDirectory } from './principal-directory';

/** Who a credential stands for, and until when: Unix ms; undefined: for ever. */
export interface Standing {
  readonly principal: Principal;
  readonly expiresAt: number | undefined;
}

/** What a call that was let in may do, and for how long. */
export class Grant implements Caller {
  readonly quota: QuotaShare | undefined;
  private generation: number;

  constructor(
    private standing: Standing,
    /** Looks the credential up again; undefined where it is no longer known. */
    readonly look: () => Standing | undefined,
    private readonly principals: Pick<PrincipalDirectory, 'generation'>,
    private readonly clock: Clock,
    private readonly onFailed: AuthFailed,
    private readonly quotas: Quotas,
  ) {
    this.generation = principals.generation;
    this.quota = quotas.shareOf(standing.principal);
  }

  get origin(): EventOrigin {
    return this.standing.principal.origin;
  }

  /** The budget of a stream, held to the quota as well. */
  budget(inner: FlowBudget): FlowBudget {
    return this.quota === undefined ? inner : new QuotaFlow(inner, this.quota);
  }

  /** Why it holds no longer, counted; undefined while it does. Costs next to nothing. */
  check(): PipelineError | undefined {
    if (this.generation !== this.principals.generation) {
      this.generation = this.principals.generation;
      const { principal } = this.standing;
      const found = this.look();
      // What is stored with the events of a stream does not change in its middle.
      if (found?.principal !== principal) return this.ended('revoked');
      this.standing = found;
      this.quotas.shareOf(principal);
    }
    const { expiresAt } = this.standing;
    if (expiresAt !== undefined && expiresAt <= this.clock.now()) return this.ended('expired');
    return undefined;
  }

  private ended(reason: AuthFailureReason): PipelineError {
    this.onFailed(reason, this.standing.principal.name);
    return authError(reason);
  }
}
