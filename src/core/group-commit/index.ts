export {
  GroupCommitter,
  GroupDeadlineError,
  GroupQueueFullError,
  type GroupCommitOptions,
} from './group-committer.js';
