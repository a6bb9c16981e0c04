//! Canonical order: equal clusterings print equally.

use super::totals::Totals;
use crate::engine::Centroids;

/// Clusters by weight, largest first, then by centroid.
pub(super) fn canonical(totals: &Totals, centroids: &Centroids) -> Vec<usize> {
    let mut order: Vec<usize> = (0..centroids.k()).collect();
    order.sort_by(|&a, &b| {
        totals.weights[b].cmp(&totals.weights[a]).then_with(|| centroids.row(a).cmp(centroids.row(b))).then(a.cmp(&b))
    });
    order
}

/// Centroids in a new order; what `order` does not name is dropped.
pub(super) fn pick(centroids: &Centroids, order: &[usize]) -> Centroids {
    Centroids::new(centroids.dims(), order.iter().flat_map(|&c| centroids.row(c).to_vec()).collect())
}

/// The new label of every old one; clusters that `order` drops hand their points of no weight to cluster 0.
pub(super) fn label_map(order: &[usize], k: usize) -> Vec<u32> {
    let mut map = vec![0; k];
    for (new, &old) in (0u32..).zip(order) {
        map[old] = new;
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_cluster_comes_first_then_the_lower_centroid() {
        let mut totals = Totals::new(3, 1);
        totals.weights = vec![1, 5, 1];
        let centroids = Centroids::new(1, vec![9, 4, 2]);
        let order = canonical(&totals, &centroids);
        assert_eq!(order, [1, 2, 0]);
        assert_eq!(pick(&centroids, &order).values(), [4, 2, 9]);
        assert_eq!(label_map(&order, 3), [2, 0, 1]);
        assert_eq!(label_map(&[1, 2], 3), [0, 0, 1]);
    }
}
