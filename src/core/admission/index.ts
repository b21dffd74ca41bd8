export { AdmissionKeeper } from './admission-keeper.js';
export { AdmissionLedger } from './admission-ledger.js';
export { AdmissionModule } from './admission.module.js';
