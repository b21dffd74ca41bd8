-- The id under which a client still knows the guest's cart that went into the user's cart last.
ALTER TABLE carts ADD COLUMN merged_guest_cart_id uuid;
