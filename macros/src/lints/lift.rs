//! Puts the attributes of a statement where the user meant them. syn gives the attributes of an
//! assignment or a sum to its leftmost operand, as rustc's grammar has it.

use syn::visit_mut::{self, VisitMut};
use syn::{Arm, Attribute, Block, Expr, FieldValue, Pat, Stmt, Type};

/// Input: `#[dbop::allow(..)] total = query.await;`, whose attribute syn gives to `total`.
///
/// Output: the statement with the attribute at the assignment.
pub(super) fn lift(statements: &mut [Stmt]) {
    for statement in statements {
        Lift.visit_stmt_mut(statement);
    }
}

/// Like [`lift`], for the statements in an expression.
pub(super) fn lift_in(expression: &mut Expr) {
    Lift.visit_expr_mut(expression);
}

struct Lift;

impl VisitMut for Lift {
    fn visit_stmt_mut(&mut self, statement: &mut Stmt) {
        visit_mut::visit_stmt_mut(self, statement);
        if let Stmt::Expr(expression, _) = statement {
            let mut found = Vec::new();
            lift_from(expression, &mut found);
            if let Some(attributes) = own_attributes(expression) {
                attributes.splice(0..0, found);
            }
        }
    }
}

/// Moves the attributes of the leftmost operand to `found`.
fn lift_from(expression: &mut Expr, found: &mut Vec<Attribute>) {
    let leftmost = match expression {
        Expr::Assign(assignment) => &mut *assignment.left,
        Expr::Binary(binary) => &mut *binary.left,
        Expr::Cast(cast) => &mut *cast.expr,
        _ => return,
    };
    match own_attributes(leftmost) {
        Some(_) => lift_from(leftmost, found),
        None => Outermost(found).take_from(leftmost),
    }
}

fn own_attributes(expression: &mut Expr) -> Option<&mut Vec<Attribute>> {
    match expression {
        Expr::Assign(assignment) => Some(&mut assignment.attrs),
        Expr::Binary(binary) => Some(&mut binary.attrs),
        Expr::Cast(cast) => Some(&mut cast.attrs),
        _ => None,
    }
}

/// Collects the attributes of one expression, and not those of the code inside.
struct Outermost<'a>(&'a mut Vec<Attribute>);

impl Outermost<'_> {
    fn take_from(&mut self, expression: &mut Expr) {
        visit_mut::visit_expr_mut(self, expression);
    }
}

impl VisitMut for Outermost<'_> {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        self.0.append(attributes);
    }

    fn visit_expr_mut(&mut self, _: &mut Expr) {}
    fn visit_block_mut(&mut self, _: &mut Block) {}
    fn visit_arm_mut(&mut self, _: &mut Arm) {}
    fn visit_field_value_mut(&mut self, _: &mut FieldValue) {}
    fn visit_pat_mut(&mut self, _: &mut Pat) {}
    fn visit_type_mut(&mut self, _: &mut Type) {}
}
