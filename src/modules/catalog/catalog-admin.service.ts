import { Injectable } from '@nestjs/common';
import { isUuid } from '../../common/ids.js';
import { Problem } from '../../common/problem.js';
import type { AuditedBy } from '../../core/audit-log/index.js';
import { requireIfMatch, findIfMatch } from '../../core/versioning/index.js';
import { CatalogCategoryRepository } from './catalog-category.repository.js';
import {
  type AdminProduct,
  CatalogAdminRepository,
  type NewProduct,
  type ProductPatch,
  type VariantPatch,
} from './catalog-admin.repository.js';
import type { VariantInput } from './catalog-input.js';
import { type CategoryNode, type PlannedCategory, planCategories } from './category-tree.js';

export interface CategoryPatch {
  readonly slug?: string | undefined;
  readonly name?: string | undefined;
  /** Null makes it a root. */
  readonly parentId?: string | null | undefined;
  readonly position?: number | undefined;
}

/** Administrative writes; what is refused is thrown as a problem. `ifMatch` is the field as it was sent. */
@Injectable()
export class CatalogAdminService {
  constructor(
    private readonly products: CatalogAdminRepository,
    private readonly categories: CatalogCategoryRepository,
  ) {}

  async getProduct(id: string): Promise<AdminProduct> {
    const product = isUuid(id) ? await this.products.findProduct(id) : null;
    if (product === null) throw new Problem('PRODUCT_NOT_FOUND');
    return product;
  }

  createProduct(input: NewProduct, by: AuditedBy): Promise<AdminProduct> {
    return this.products.createProduct(input, by);
  }

  async updateProduct(
    id: string,
    ifMatch: string | undefined,
    patch: ProductPatch,
    by: AuditedBy,
  ): Promise<AdminProduct> {
    if (!isUuid(id)) throw new Problem('PRODUCT_NOT_FOUND');
    return this.products.updateProduct(id, requireIfMatch(ifMatch), patch, by);
  }

  /** If-Match is optional: a variant that is added takes nothing back. */
  async addVariants(
    productId: string,
    ifMatch: string | undefined,
    variants: readonly VariantInput[],
    by: AuditedBy,
  ): Promise<AdminProduct> {
    if (!isUuid(productId)) throw new Problem('PRODUCT_NOT_FOUND');
    return this.products.addVariants(productId, findIfMatch(ifMatch), variants, by);
  }

  async updateVariant(
    id: string,
    ifMatch: string | undefined,
    patch: VariantPatch,
    by: AuditedBy,
  ): Promise<AdminProduct> {
    if (!isUuid(id)) throw new Problem('VARIANT_NOT_FOUND');
    return this.products.updateVariant(id, requireIfMatch(ifMatch), patch, by);
  }

  createCategory(
    { parentId, ...rest }: CategoryPatch & { slug: string; name: string },
    by: AuditedBy,
  ): Promise<CategoryNode> {
    return this.writeCategory(by, () => ({ ...rest, parentId: parentId ?? undefined }));
  }

  async updateCategory(id: string, patch: CategoryPatch, by: AuditedBy): Promise<CategoryNode> {
    return this.writeCategory(by, (present) => {
      const target = present.find((node) => node.id === id.toLowerCase());
      if (target === undefined) throw new Problem('CATEGORY_NOT_FOUND');
      const parentId = patch.parentId === undefined ? target.parentId : patch.parentId;
      return {
        id: target.id,
        externalId: target.externalId ?? undefined,
        slug: patch.slug ?? target.slug,
        name: patch.name ?? target.name,
        position: patch.position ?? target.position,
        parentId: parentId ?? undefined,
      };
    });
  }

  private async writeCategory(
    by: AuditedBy,
    inputFor: (present: readonly CategoryNode[]) => PlannedCategory,
  ): Promise<CategoryNode> {
    const { node } = await this.categories.change(by, (present) => {
      const input = inputFor(present);
      if (present.some(({ id, slug }) => slug === input.slug && id !== input.id))
        throw new Problem('CATEGORY_SLUG_TAKEN');
      const change = planCategories(present, [input]);
      const [outcome] = change.outcomes;
      if (outcome === undefined || outcome.outcome === 'rejected') {
        throw new Problem('VALIDATION_FAILED', {
          errors: [{ pointer: '/parentId', detail: outcome?.reason ?? 'the category cannot be written' }],
        });
      }
      const written = [...change.created, ...change.updated, ...present].find(({ id }) => id === outcome.id);
      if (written === undefined) throw new Error('a planned category is missing from its plan');
      return { ...change, node: written };
    });
    return node;
  }
}
