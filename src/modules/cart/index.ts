export { CartModule } from './cart.module.js';
export { CartRepository, type CartVersion, type StoredCart, type StoredCartLine } from './cart.repository.js';
export { CartService } from './cart.service.js';
